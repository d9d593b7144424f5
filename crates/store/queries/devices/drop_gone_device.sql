-- Of a device that registered again meanwhile the push service says nothing any more.
DELETE FROM devices WHERE id = $1 AND endpoint = $2
