SELECT change_password($1, $2, $3, $4) AS changed
