"""What an application imports, tested as an application uses it."""
