"""Plans: which steps, in which order, make a database what the IR says, and the way back."""
