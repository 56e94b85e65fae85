"""Which core row a record is: by mapping, else by SKU or e-mail, else a new one."""
