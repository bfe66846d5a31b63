"""Write reports and pages."""
