"""What an executable is made of: components, their licences, the audit, the bill of materials."""
