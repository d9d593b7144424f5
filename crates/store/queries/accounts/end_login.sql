SELECT end_login($1) AS user_id
