"""What is done to the text of a report: sections, screening, writing. No files, no formats."""
