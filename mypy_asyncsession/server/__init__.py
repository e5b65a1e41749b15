"""The language server: ``analysis`` finds out, ``protocol`` talks to the editor."""
