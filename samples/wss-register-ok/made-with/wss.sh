timeout 10 python3 ../../tls-cipher-suites/made-with/client.py $1 5061 tls13 - ws fragments
