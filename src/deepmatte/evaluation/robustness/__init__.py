"""How methods bear trimaps that are drawn badly, at chosen distances, or that lack a side."""
