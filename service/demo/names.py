"""Names that nobody could take for real people's, and the districts people live in."""

from service.demo.scene import Scene

_FORENAMES = (
    "Alder Ash Aspen Bay Birch Bramley Briar Brook Bryony Cedar Clover Coral Dale Daisy Ember Fern Finch Flint Forest"
    " Gale Hazel Heath Holly Indigo Iris Ivy Jasper Jay Juniper Kestrel Lark Laurel Linden Linnet Lowen Maple Marlow"
    " Meadow Merle Moss Myrtle Oakley Olive Pearl Piper Poppy Quill Raven Reed River Robin Rowan Rue Sage Skye Sorrel"
    " Tansy Teal Thorn Vale Violet Willow Wren Yarrow"
).split()
_WORDS = (
    "Acorn Anchor Apple Arrow Badger Barley Beacon Bell Berry Bracken Bramble Breeze Bridge Button Candle Canvas"
    " Castle Chalk Cherry Cliff Cobble Copper Cotton Cove Cricket Dune Falcon Feather Fiddle Flax Foxglove Garnet"
    " Ginger Granite Gravel Harbour Harvest Hedge Heron Hollow Honey Island Kettle Lantern Lichen Magpie Marble"
    " Marigold Marsh Mitten Nettle Orchard Otter Paddle Pebble Pepper Pier Plover Puffin Quarry Rain Ribbon Saddle"
    " Saffron Shell Slate Sparrow Spindle Stile Tabard Thatch Thistle Tide Timber Trellis Turnip Velvet Walnut Willet"
).split()

_BY_LOCALITY = {
    "north": {"North Devon": 60, "Torridge": 40},
    "mid_east": {"East Devon": 60, "Mid Devon": 40},
    "south": {"Teignbridge": 50, "South Hams": 30, "West Devon": 20},
    "exeter": {"Exeter": 100},
}
DISTRICTS = frozenset(district for weights in _BY_LOCALITY.values() for district in weights)
OTHER_COUNCILS = ("Other council A", "Other council B", "Other council C")


def surname(scene: Scene) -> str:
    """A family name."""
    return f"Demo-{scene.dice.choice(_WORDS)}"


def forename(scene: Scene) -> str:
    """A given name."""
    return scene.dice.choice(_FORENAMES)


def worker_name(n: int) -> str:
    """The name of the n-th worker, used once in up to 4,740 workers."""
    return f"{_FORENAMES[n % len(_FORENAMES)]} Demo-{_WORDS[n // len(_FORENAMES) % len(_WORDS)]}"


def district(scene: Scene, locality: str, elsewhere: int = 0) -> str:
    """A district of a locality, or another council for `elsewhere` in a hundred."""
    if scene.dice.randrange(100) < elsewhere:
        return scene.dice.choice(OTHER_COUNCILS)
    return scene.one_of(_BY_LOCALITY[locality])
