"""What a program means: the control flow of its functions, and what holds at each point of it."""
