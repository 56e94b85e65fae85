def asset_checks(): return []
