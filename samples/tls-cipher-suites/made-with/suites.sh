# One connection for each kind of record protection.
keys=$1
for suite in ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305 AES128-SHA AES256-SHA256 ECDHE-RSA-AES256-SHA384; do
    timeout 10 python3 client.py $keys 5061 tls12 $suite
done
for suite in AES256-SHA ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES256-SHA384; do
    timeout 10 python3 client.py $keys 5061 tls12 $suite no-etm
done
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
    printf 'openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nCiphersuites = %s\n' $suite > suite.cnf
    OPENSSL_CONF=suite.cnf timeout 10 python3 client.py $keys 5061 tls13 - split
done
