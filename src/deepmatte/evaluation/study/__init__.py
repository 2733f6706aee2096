"""A user study: people choose between two methods' cutouts of a photo, not knowing whose they are."""
