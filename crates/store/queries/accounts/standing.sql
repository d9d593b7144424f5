-- index ended_logins_user
SELECT u.id, u.tokens_valid_after, ARRAY(SELECT e.family_id FROM ended_logins e WHERE e.user_id = u.id) AS ended FROM users u WHERE u.id = $1
