"""Bytes in, domain values out, or refusals row by row: the formats councils already produce, and ours."""
