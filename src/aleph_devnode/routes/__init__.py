"""The routes of the node, by what they are about."""
