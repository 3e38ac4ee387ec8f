"""Tables, and the SELECTs over them."""
