"""Guests: what focalsk takes of other libraries beyond their public names.

Each private name stands here with its reason and the public replacement where a newer version has
one; `tests/_compat` says what breaks if a name goes. It may import third parties only.
"""
