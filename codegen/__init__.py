"""Render the blocking twin from the hand-written async package."""
