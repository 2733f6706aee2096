"""Measuring mattes against the truth."""
