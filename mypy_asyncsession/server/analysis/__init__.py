"""What is found out about the texts in an editor; nothing here knows of the editor's protocol."""
