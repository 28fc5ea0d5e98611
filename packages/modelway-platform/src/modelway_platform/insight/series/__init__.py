"""The platform's own short-term series: counted out of the collected records, kept for weeks in bounded room."""
