"""For those who teach: two editions of the lessons to hand out, and marks for notebooks handed in."""
