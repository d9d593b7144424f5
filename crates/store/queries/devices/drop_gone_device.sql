-- Of a device that registered again since $2 its push service has said nothing yet.
DELETE FROM devices WHERE id = $1 AND registered_at = $2
