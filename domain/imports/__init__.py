"""Files of a business: what a row means and what is wrong with it. Pure: no file, no database, no clock."""
