DROP VIEW observe.held_lock;
