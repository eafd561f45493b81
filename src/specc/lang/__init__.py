"""The language of specs: what a kind is, how references are typed, and the project they resolve in."""
