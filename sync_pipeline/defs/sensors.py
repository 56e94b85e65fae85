def sensors(): return []
