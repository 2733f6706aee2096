"""Foregrounds with true alpha, and backgrounds to lay them over."""
