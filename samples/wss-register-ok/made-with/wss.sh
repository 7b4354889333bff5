timeout 10 python3 client.py $1 5061 tls13 - ws fragments
