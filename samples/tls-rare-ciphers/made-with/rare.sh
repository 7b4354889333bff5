# One connection for each kind of record protection that is rarely met.
keys=$1
for version in tls10 tls11; do
    for suite in AES128-SHA ECDHE-RSA-AES256-SHA; do
        timeout 10 python3 client.py $keys 5061 $version $suite split
        timeout 10 python3 client.py $keys 5061 $version $suite no-etm
    done
done
for suite in AES128-CCM AES256-CCM8 DHE-RSA-AES256-CCM DHE-RSA-AES128-CCM8; do
    timeout 10 python3 client.py $keys 5061 tls12 $suite
done
for suite in TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256; do
    printf 'openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nCiphersuites = %s\n' $suite > suite.cnf
    OPENSSL_CONF=suite.cnf timeout 10 python3 client.py $keys 5061 tls13 - split
done
