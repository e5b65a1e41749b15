"""From paths to findings: mypy is run with the plugin, whatever state the tree is in."""
