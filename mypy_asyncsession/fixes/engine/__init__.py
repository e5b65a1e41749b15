"""What drives the rewrites: from findings to edits that are checked, written and kept."""
