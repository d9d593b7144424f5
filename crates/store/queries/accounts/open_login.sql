SELECT open_login($1, $2, $3, $4, $5) AS opened
