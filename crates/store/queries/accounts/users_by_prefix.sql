-- index users_nickname_prefix; $1 is lower-cased with %, _ and \ escaped
SELECT id, nickname FROM users WHERE lower(nickname) LIKE $1 || '%' ORDER BY lower(nickname), id LIMIT $2
