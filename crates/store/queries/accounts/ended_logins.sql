-- Only users with something to tell: nearly none of many.
-- indexes users_pkey, ended_logins_user
SELECT u.id, u.tokens_valid_after, ARRAY(SELECT e.family_id FROM ended_logins e WHERE e.user_id = u.id) AS ended
FROM users u WHERE u.id = ANY($1)
  AND (u.tokens_valid_after > now() - INTERVAL '32 days' OR EXISTS (SELECT FROM ended_logins e WHERE e.user_id = u.id))
