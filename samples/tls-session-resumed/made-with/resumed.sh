# Two connections, the second resumes the session of the first; the key log keeps the line of the first alone.
timeout 10 python3 ../../tls-cipher-suites/made-with/client.py $1 5061 tls12 ECDHE-RSA-AES128-GCM-SHA256 resume
grep -m1 CLIENT_RANDOM $1 > $1.new; mv $1.new $1
