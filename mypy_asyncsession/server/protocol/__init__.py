"""What is said to an editor, and heard from it."""
