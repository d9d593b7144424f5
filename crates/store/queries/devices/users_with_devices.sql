-- Index devices_user.
SELECT DISTINCT user_id FROM devices WHERE user_id = ANY ($1)
