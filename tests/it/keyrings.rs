//! Credentials files as other programs write them: each gives the verdicts that the same users give as CSV, and what cannot be
//! read is said in one line that holds no secret.

use std::fmt::Write;
use std::fs;

use sipauth::auth::parse_credentials;
use sipauth::digest::KeyringFormat;
use sipauth::digest::Request;
use sipauth::digest::Verifier;
use sipauth::digest::keyring;

use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;
use crate::scenario::digest::hash;

/// `alice:sip.example.test:wonderland-7` by md5sum.
const HA1: &str = "7d0c95978b198a47759b450cfdcdf0d6";

/// What a digest of that user is said to be: `match FILE:LINE`, `mismatch …`, or `none` where no secret is known.
fn verdict(file: &str, [user, realm, password]: [&str; 3], algorithm: &str) -> String {
    let (keyring, _) = keyring::read(file.as_bytes(), "f", None).unwrap_or_else(|error| panic!("{error}\nin\n{file}"));
    let hash = |text: String| hash(algorithm, text.as_bytes());
    let ha1 = hash(format!("{user}:{realm}:{password}"));
    let response = hash(format!("{ha1}:n:{}", hash("REGISTER:sip:x".to_owned())));
    let escaped = user.replace('\\', "\\\\").replace('"', "\\\"");
    let header = format!(
        r#"Digest username="{escaped}",realm="{realm}",nonce="n",uri="sip:x",response="{response}",algorithm={algorithm}"#
    );
    let credentials = parse_credentials(header.as_bytes());
    let request = Request { method: b"REGISTER", body: Some(b""), ambiguous: false, headers_cut: false };
    match Verifier::new(keyring).check(&credentials[0], &request, None) {
        None => "none".to_owned(),
        Some(checked) => {
            let place = checked.source.map(|source| source.to_string()).unwrap_or_default();
            format!("{} {place}", checked.verdict.name())
        }
    }
}

#[track_caller]
fn matches(file: &str, account: [&str; 3], place: &str) {
    assert_eq!(verdict(file, account, "MD5"), format!("match {place}"), "{account:?} in\n{file}");
}

/// The kind is seen, and reading says exactly this: how many entries and which warnings, or the error.
#[track_caller]
fn reads(file: &str, kind: KeyringFormat, expect: &str) {
    assert_eq!(KeyringFormat::of(file.as_bytes()), kind, "{file}");
    forced(file, kind, expect);
}

/// The same, with the kind given.
#[track_caller]
fn forced(file: &str, kind: KeyringFormat, expect: &str) {
    let said = match keyring::read(file.as_bytes(), "f", Some(kind)) {
        Ok((keyring, warnings)) => {
            let mut said = keyring.len().to_string();
            warnings.iter().for_each(|warning| write!(said, "; {warning}").expect("a text grows"));
            said
        }
        Err(error) => error.to_string(),
    };
    assert!(said.starts_with(expect), "expected {expect:?}, got {said:?} for\n{file}");
    assert!(!said.contains("hunter2"), "{said}");
}

const PJSIP: &str = "\
; generated for a test
[global]
type=global
default_realm=sip.example.test

[auth-common](!)
type = auth
auth_type = userpass   ; the default
realm=sip.example.test

[1001](auth-common)
username=1001
password=hunter2\\;x  ; a semicolon within

[alice]
type=endpoint
auth=alice

[alice](auth-common)
username => alice
password => wonderland-7
;-- [1002](auth-common)
username=1002
;-- nested --;
password=no --;
[1003-auth]
type=auth
auth_type=md5
md5_cred=7D0C95978B198A47759B450CFDCDF0D6
username=alice
realm=sip.example.test
password=ignored

[1004]
type=auth
auth_type=digest
username=bob
realm=sip.example.test
password_digest=MD5:00112233445566778899aabbccddeeff
password_digest = SHA-256:0000000000000000000000000000000000000000000000000000000000000000

[1001](+)
password+=y
";

#[test]
fn asterisk_sections_are_read_as_asterisk_reads_them() {
    // 1001, alice by password, alice by md5_cred, bob by two digests.
    reads(PJSIP, KeyringFormat::Pjsip, "5");
    matches(PJSIP, ["alice", "sip.example.test", "wonderland-7"], "f:21");
    matches(PJSIP, ["1001", "sip.example.test", "hunter2;xy"], "f:43");
    assert_eq!(verdict(PJSIP, ["1002", "sip.example.test", "no"], "MD5"), "none");
    assert_eq!(verdict(PJSIP, ["bob", "sip.example.test", "x"], "MD5"), "mismatch f:39");
    assert_eq!(verdict(PJSIP, ["bob", "sip.example.test", "x"], "SHA-512-256"), "unverifiable f:39");
    let by_hash = format!("[a]\ntype=auth\nauth_type=md5\nusername=alice\nrealm=sip.example.test\nmd5_cred={HA1}\n");
    matches(&by_hash, ["alice", "sip.example.test", "wonderland-7"], "f:6");
    // Without a realm it is good for whoever asks. The section's name is no user name.
    let any = "[alice-auth]\r\ntype=auth\r\nusername=alice\r\npassword=hunter2\r\n";
    matches(any, ["alice", "whatever", "hunter2"], "f:4");
    assert_eq!(verdict(any, ["alice-auth", "whatever", "hunter2"], "MD5"), "none");
    // What stands later counts, whether it is inherited or not.
    let twice = "[b](!)\ntype=auth\nusername=u\npassword=old\n[x](b)\npassword=new\n[y](!,b)\nusername=z\n[v](y)\n";
    matches(twice, ["u", "r", "new"], "f:6");
    matches(twice, ["z", "r", "old"], "f:4");
    reads(twice, KeyringFormat::Pjsip, "2");
}

#[test]
fn asterisk_files_that_are_not_whole_say_so() {
    reads(
        "#include pjsip_users.conf\n",
        KeyringFormat::Pjsip,
        "0; f:1: the file named here is not read: give it with --credentials",
    );
    reads(
        "[a]\ntype=auth\n#tryinclude x\nusername=u\npassword=hunter2\n",
        KeyringFormat::Pjsip,
        "1; f:3: the file named",
    );
    reads("; nothing\n[transport]\ntype=transport\n", KeyringFormat::Pjsip, "0; f: no rows");
    reads(
        "[a](nobody)\ntype=auth\n",
        KeyringFormat::Pjsip,
        "f:1: a section builds on one that does not stand above it",
    );
    reads("[a](+)\ntype=auth\n", KeyringFormat::Pjsip, "f:1: a section builds on one that does not stand above it");
    forced("password=hunter2\n", KeyringFormat::Pjsip, "f:1: an option stands before the first section");
    forced("[a\ntype=auth\n", KeyringFormat::Pjsip, "f:1: a section is not closed");
    reads(
        "[a]\ntype=auth\nauth_type=md5\nmd5_cred=hunter2\n",
        KeyringFormat::Pjsip,
        "f:4: not an HA1: only the digits",
    );
    reads(
        "[a]\ntype=auth\nauth_type=digest\npassword_digest=hunter2\n",
        KeyringFormat::Pjsip,
        "f:4: expected password_digest=ALGORITHM:HEX",
    );
    reads("[a]\ntype=auth\npassword=hunter2\n", KeyringFormat::Pjsip, "1; f:3: the user is empty");
    let long = format!("[a]\ntype=auth\npassword={}\n", "hunter2".repeat(600));
    reads(&long, KeyringFormat::Pjsip, "f:3: a value is longer than 4096 bytes");
    let cyclic = "[a](a)\ntype=auth\n";
    reads(cyclic, KeyringFormat::Pjsip, "f:1: a section builds on one");
}

#[test]
fn phones_and_peers_of_sip_conf_are_read_as_chan_sip_reads_them() {
    let text = format!(
        "[general]\nrealm=sip.example.test\n\n[phones](!)\ntype=friend\nsecret=common\n\n[1001](phones)\nsecret=hunter2\n[1002](phones)\n\
         [alice]\ntype=user\nsecret=ignored\nmd5secret={HA1}\n[trunk]\ntype=peer\nsecret=theirs\nremotesecret=ours\ndefaultuser=4930\n\
         [old]\ntype=peer\nusername=acme\nsecret=word\n[none]\ntype=friend\nsecret=\n[1003]\ntype=endpoint\nsecret=x\n"
    );
    reads(&text, KeyringFormat::Pjsip, "7");
    matches(&text, ["1001", "whatever", "hunter2"], "f:9");
    matches(&text, ["1002", "whatever", "common"], "f:6");
    matches(&text, ["alice", "sip.example.test", "wonderland-7"], "f:14");
    matches(&text, ["trunk", "r", "theirs"], "f:17");
    matches(&text, ["4930", "r", "ours"], "f:18");
    matches(&text, ["old", "r", "word"], "f:23");
    matches(&text, ["acme", "r", "word"], "f:23");
    for user in ["phones", "none", "1003"] {
        assert_eq!(verdict(&text, [user, "r", "x"], "MD5"), "none", "{user}");
    }
    reads("[a]\ntype=peer\nmd5secret=hunter2\n", KeyringFormat::Pjsip, "f:3: not an HA1: only the digits");
}

/// Templates that double, comments that never end, one name for all: none of it takes long.
#[test]
fn hostile_files_take_no_longer_than_others() {
    let mut doubling = "[t0](!)\ntype=auth\npassword=hunter2\n".to_owned();
    for number in 1..2000 {
        let base = number - 1;
        writeln!(doubling, "[t{number}](!,t{base},t{base},t{base})\npassword+=x").expect("a text grows");
    }
    reads(&doubling, KeyringFormat::Pjsip, "0; f: no rows");
    reads(&format!("[a]\n{}", ";--".repeat(200_000)), KeyringFormat::Pjsip, "0; f: no rows");
    reads(&"[a]\n".repeat(100_000), KeyringFormat::Pjsip, "0; f: no rows");
    reads(&format!("[a](+)\n{}", "[a](+type=auth)\n".repeat(1000)), KeyringFormat::Pjsip, "f:1: a section builds");
    forced(&"INSERT INTO subscriber (".repeat(50_000), KeyringFormat::Subscriber, "0; f: no rows");
}

const MYSQLDUMP: &str = "\
-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: kamailio
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;

DROP TABLE IF EXISTS `location`;
CREATE TABLE `location` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB;
INSERT INTO `location` VALUES (1,'x');
CREATE TABLE `subscriber` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `password` varchar(64) NOT NULL DEFAULT '',
  `ha1` varchar(128) NOT NULL DEFAULT '',
  `ha1b` varchar(128) NOT NULL DEFAULT '',
  `vmpin` varchar(16) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `account_idx` (`username`,`domain`),
  KEY `username_idx` (`username`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=latin1;
LOCK TABLES `subscriber` WRITE;
INSERT INTO `subscriber` VALUES (1,'alice','sip.example.test','wonderland-7','7d0c95978b198a47759b450cfdcdf0d6','',NULL),(2,'bob','sip.example.test','it\\'s \\\\ (a, b);','','',NULL);
INSERT INTO `subscriber` VALUES (3,'carol','sip.example.test','','00112233445566778899aabbccddeeff','ffeeddccbbaa99887766554433221100',NULL);
UNLOCK TABLES;
";

const PG_DUMP: &str = "\
--
-- PostgreSQL database dump
--
\\restrict abcdef

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);

COPY public.location (id, username) FROM stdin;
1\tsubscriber
\\.

COPY public.subscriber (id, username, domain, password, ha1, ha1b, rpid) FROM stdin;
1\talice\tsip.example.test\twonderland-7\t\\N\t\\N\t\\N
2\tbob\tsip.example.test\tit's \\\\ (a, b);\t\t\t\\N
\\.
";

#[test]
fn subscriber_dumps_are_read_whoever_wrote_them() {
    let (alice, bob) = (["alice", "sip.example.test", "wonderland-7"], ["bob", "sip.example.test", "it's \\ (a, b);"]);
    // alice and bob, each with and without the domain; carol by two HA1s.
    reads(MYSQLDUMP, KeyringFormat::Subscriber, "6");
    matches(MYSQLDUMP, alice, "f:26");
    matches(MYSQLDUMP, bob, "f:26");
    matches(MYSQLDUMP, ["alice@sip.example.test", "sip.example.test", "wonderland-7"], "f:26");
    assert_eq!(verdict(MYSQLDUMP, ["carol", "sip.example.test", "x"], "MD5"), "mismatch f:27");
    assert_eq!(verdict(MYSQLDUMP, ["carol@sip.example.test", "sip.example.test", "x"], "MD5"), "mismatch f:27");
    assert_eq!(verdict(MYSQLDUMP, ["x", "sip.example.test", "x"], "MD5"), "none");
    reads(PG_DUMP, KeyringFormat::Subscriber, "4");
    matches(PG_DUMP, alice, "f:14");
    matches(PG_DUMP, bob, "f:15");
    let inserts = "INSERT INTO public.subscriber (username, domain,\n  password) VALUES\n  ('alice', 'sip.example.test', 'wonderland-7'),\n  ('bob', 'sip.example.test', 'it''s \\ (a, b);');\nCOMMIT;\n";
    matches(inserts, alice, "f:3");
    matches(inserts, bob, "f:4");
    let sqlite = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE subscriber (\n    id INTEGER PRIMARY KEY NOT NULL,\n    username VARCHAR(64) DEFAULT '' NOT NULL,\n    domain VARCHAR(64) DEFAULT '' NOT NULL,\n    password VARCHAR(64) DEFAULT '' NOT NULL,\n    CONSTRAINT subscriber_account_idx UNIQUE (username, domain)\n);\nINSERT INTO subscriber VALUES(1,'alice','sip.example.test','wonderland-7');\n";
    matches(sqlite, alice, "f:10");
    let csv = format!(
        "id,username,domain,password,ha1\r\n1,alice,sip.example.test,,{HA1}\r\n2,\"bob\",sip.example.test,\"it's \\ (a, b);\",NULL\r\n"
    );
    reads(&csv, KeyringFormat::Subscriber, "3");
    matches(&csv, alice, "f:2");
    matches(&csv, bob, "f:3");
    let tabs = format!(
        "id\tusername\tdomain\tha1\tpassword\n1\talice\tsip.example.test\t{HA1}\t\n2\tbob\tsip.example.test\tNULL\tit's \\\\ (a, b);\n"
    );
    reads(&tabs, KeyringFormat::Subscriber, "3");
    matches(&tabs, alice, "f:2");
    matches(&tabs, bob, "f:3");
}

/// sqlite writes a table as somebody has typed it, and columns that were added later behind a comma of their own.
#[test]
fn a_subscriber_table_may_stand_in_lines_of_any_length() {
    let alice = ["alice", "sip.example.test", "wonderland-7"];
    let insert = "INSERT INTO subscriber VALUES(1,'alice','sip.example.test','wonderland-7');\n";
    for (table, line) in [
        ("CREATE TABLE subscriber (id INTEGER PRIMARY KEY, username TEXT, domain TEXT, password TEXT);\n", 2),
        ("CREATE TABLE subscriber (id INTEGER PRIMARY KEY,\n username TEXT, domain TEXT,\n password TEXT);\n", 4),
        ("CREATE TABLE subscriber (\n id INTEGER, username TEXT DEFAULT ',)''',\n domain TEXT\n, password TEXT);\n", 5),
        (
            "CREATE TABLE IF NOT EXISTS \"subscriber\"(\"id\",\"username\",\"domain\",password CHECK (password <> 'a,b' OR \")\"), UNIQUE (username, domain)) WITHOUT ROWID;\n",
            2,
        ),
        (
            "CREATE TABLE subscriber (\n -- who, (and where\n id INTEGER, username TEXT, -- a name, it's\n domain TEXT, password TEXT\n);\n",
            6,
        ),
    ] {
        matches(&format!("{table}{insert}"), alice, &format!("f:{line}"));
    }
    let unclosed = format!("CREATE TABLE subscriber (id, 'a{}", "(\\'".repeat(100_000));
    reads(&unclosed, KeyringFormat::Subscriber, "0; f: no rows");
    reads(&"CREATE TABLE subscriber (a, \"b\n".repeat(50_000), KeyringFormat::Subscriber, "0; f: no rows");
}

#[test]
fn opensips_has_a_column_for_each_hash() {
    let hex = |algorithm: &str| hash(algorithm, b"alice:sip.example.test:wonderland-7");
    let row = format!(
        "username,domain,password,ha1,ha1_sha256,ha1_sha512t256\nalice,sip.example.test,,{},{},{}\n",
        hex("MD5"),
        hex("SHA-256"),
        hex("SHA-512-256")
    );
    reads(&row, KeyringFormat::Subscriber, "3");
    for algorithm in ["MD5", "SHA-256", "SHA-512-256"] {
        assert_eq!(verdict(&row, ["alice", "sip.example.test", "wonderland-7"], algorithm), "match f:2", "{algorithm}");
    }
    // An ha1 of another password, as it stays when only the password column is changed.
    let old = row.replace(",,", ",hunter2,");
    reads(&old, KeyringFormat::Subscriber, "4; f:2: the HA1 was not made of the password beside it");
    matches(&old, ["alice", "sip.example.test", "wonderland-7"], "f:2");
    matches(&old, ["alice", "sip.example.test", "hunter2"], "f:2");
}

#[test]
fn subscriber_dumps_that_cannot_be_read_say_why() {
    let check = |text: &str, expect: &str| reads(text, KeyringFormat::Subscriber, expect);
    check("INSERT INTO subscriber VALUES (1,'a','b','hunter2');\n", "f:1: the columns are not named");
    check(
        "INSERT INTO subscriber (username,password) VALUES ('a','hunter2);\n",
        "f:1: a value of INSERT cannot be read",
    );
    check(
        "INSERT INTO subscriber (username,password) VALUES ('a' 'hunter2');\n",
        "f:1: a value of INSERT cannot be read",
    );
    check("INSERT INTO subscriber (username,password) VALUES ('a');\n", "f:1: columns: 1 where 2 are expected");
    check("INSERT INTO subscriber (username,password) VALUES ('a','');\n", "0; f:1: 1 row without a secret");
    check("username,password\na,\nb,hunter2\nc,\n", "1; f:2: 2 rows without a secret, this one first: passed over");
    check("INSERT INTO location (username,password) VALUES ('a','hunter2');\n", "0; f: no rows");
    check("COPY subscriber (username, ha1) FROM stdin;\na\thunter2\n\\.\n", "f:2: not an HA1: only the digits");
    check("username,password\nalice\n", "f:2: columns: 1 where 2 are expected");
    // A user of that name is no heading: there is no secret beside it.
    reads("username,*,hunter2\n", KeyringFormat::Csv, "1");
}

const DIRECTORY: &str = r#"<?xml version="1.0"?>
<document type="freeswitch/xml">
 <section name="directory" description="User Directory">
  <domain name="sip.example.test">
   <params><param name="dial-string" value="{presence_id=${dialed_user}@${dialed_domain}}"/></params>
   <groups>
    <group name="default">
     <users>
      <user id="alice">
       <gateways><gateway name="up"><param name="password" value="not-hers"/></gateway></gateways>
       <params>
        <param name="password" value="wonderland-7"/>
        <param name="vm-password" value="1000"/>
       </params>
       <variables><variable name="user_context" value="default"/></variables>
      </user>
      <!-- <user id="old"><params><param name="password" value="old"/></params></user> -->
      <user id="bob"><params><param value='&quot;a&amp;b&#39; &#x20AC;' name='password'></param></params></user>
      <user id="carol"><params><param name="a1-hash" value="00112233445566778899aabbccddeeff"/></params></user>
      <user id="1001" type="pointer"/>
     </users>
    </group>
   </groups>
  </domain>
 </section>
</document>
"#;

#[test]
fn the_directory_of_freeswitch_is_read() {
    reads(DIRECTORY, KeyringFormat::Freeswitch, "3");
    matches(DIRECTORY, ["alice", "sip.example.test", "wonderland-7"], "f:12");
    matches(DIRECTORY, ["bob", "sip.example.test", "\"a&b' \u{20ac}"], "f:18");
    assert_eq!(verdict(DIRECTORY, ["carol", "sip.example.test", "x"], "MD5"), "mismatch f:19");
    assert_eq!(verdict(DIRECTORY, ["old", "sip.example.test", "old"], "MD5"), "none");
    // A user's own file knows no domain.
    let user = "<include>\n  <user id=\"1000\">\n    <params>\n      <param name=\"password\" value=\"1234\"/>\n    </params>\n  </user>\n</include>\n";
    matches(user, ["1000", "anything", "1234"], "f:4");
    // The files as installed hold variables.
    let variable = user.replace("1234", "$${default_password}");
    reads(
        &variable,
        KeyringFormat::Freeswitch,
        "0; f:4: the value is a variable that another file sets; give log/freeswitch.xml.fsxml",
    );
    let domain =
        format!("<domain name=\"$${{domain}}\">{}</domain>", user.replace("<include>", "").replace("</include>", ""));
    matches(&domain, ["1000", "anything", "1234"], "f:4");
}

#[test]
fn gateways_of_freeswitch_are_accounts_for_whoever_asks() {
    let gateway = "<include>\n <gateway name=\"carrier\">\n  <param name=\"username\" value=\"4930\"/>\n  \
                   <!--<param name=\"realm\" value=\"carrier.example\"/>-->\n  <param name=\"password\" value=\"hunter2\"/>\n  \
                   <param name=\"proxy\" value=\"$${proxy}\"/>\n </gateway>\n</include>\n";
    reads(gateway, KeyringFormat::Freeswitch, "1");
    matches(gateway, ["4930", "carrier.example", "hunter2"], "f:5");
    let other = gateway
        .replace("<param name=\"password\"", "<param name=\"auth-username\" value=\"acme\"/><param name=\"password\"");
    matches(&other, ["acme", "r", "hunter2"], "f:5");
    assert_eq!(verdict(&other, ["4930", "r", "hunter2"], "MD5"), "none");
    reads(&gateway.replace("hunter2", "$${secret}"), KeyringFormat::Freeswitch, "0; f:5: the value is a variable");
    // One that stands within a user has nothing of that user.
    let within = gateway
        .replace("<include>", "<include><user id=\"1000\"><params><param name=\"password\" value=\"1234\"/></params>");
    let within = within.replace("</include>", "</user></include>");
    reads(&within, KeyringFormat::Freeswitch, "2");
    matches(&within, ["1000", "r", "1234"], "f:1");
    matches(&within, ["4930", "r", "hunter2"], "f:5");
}

#[test]
fn xml_that_cannot_be_read_says_where() {
    let check = |text: &str, expect: &str| reads(text, KeyringFormat::Freeswitch, expect);
    check("<include>\n<user id=\"a\">\n<params>\n</user>\n", "f:4: not well-formed XML");
    check("<include>\n<user id=\"a", "f:2: not well-formed XML");
    check("<a/>\n<b>hunter2</c>", "f:2: not well-formed XML");
    check("<include/>", "0; f: no rows");
    check(
        "<user id='a'><params><param name='a1-hash' value='hunter2'/></params></user>",
        "f:1: not an HA1: only the digits",
    );
    let bombs = format!("<user id=\"{}\"><params>", "&".repeat(100_000));
    check(&bombs, "0; f: no rows");
}

const UAT: &str = "\
# This file is automatically generated. BE CAREFUL MODIFYING.
# You can add (but not modify or delete) records with the command line option:
# -o 'uat:authorization_users_sip:\"username\",\"realm\",\"password\"'
#\"Username\",\"Realm\",\"Password\"
\"alice\",\"sip.example.test\",\"wonderland-7\"
\"bob\",\"sip.example.test\",\"a\\x22b\\x5c\\xe2\\x82\\xac\"
";

#[test]
fn the_table_of_wireshark_is_read() {
    reads(UAT, KeyringFormat::Wireshark, "2");
    matches(UAT, ["alice", "sip.example.test", "wonderland-7"], "f:5");
    matches(UAT, ["bob", "sip.example.test", "a\"b\\\u{20ac}"], "f:6");
    reads(&UAT.replace("BE CAREFUL MODIFYING.", "DO NOT MODIFY."), KeyringFormat::Wireshark, "2");
    let wrong = |row: &str| {
        reads(
            &format!("# uat:authorization_users_sip\n{row}\n"),
            KeyringFormat::Wireshark,
            "f:2: expected \"user\",\"realm\",\"password\"",
        )
    };
    wrong("\"a\",\"b\",\"hunter2");
    wrong("\"a\",\"hunter2\"");
    wrong("a,b,hunter2");
    wrong("\"a\",\"b\",\"c\",\"hunter2\"");
    wrong("\"a\",\"b\",\"hunter2\\\"");
}

/// The users of `samples/register-ok` in every form, as a user gives them: the report does not tell which it was.
#[test]
fn every_form_gives_the_verdicts_of_csv() {
    let sample = Sample::named("register-ok");
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(sample.folder.join("capture.pcap"), folder.path().join("capture.pcap")).expect("copied");
    let forms = [
        ("csv", "alice,sip.example.test,wonderland-7\n".to_owned()),
        ("htdigest", format!("alice:sip.example.test:{HA1}\n")),
        ("pjsip", PJSIP.to_owned()),
        ("subscriber", MYSQLDUMP.to_owned()),
        ("subscriber", PG_DUMP.to_owned()),
        ("freeswitch", DIRECTORY.to_owned()),
        ("wireshark", UAT.to_owned()),
    ];
    for (kind, text) in forms {
        fs::write(folder.path().join("secrets"), text).expect("written");
        for options in [&[][..], &["--credentials-type", kind]] {
            let mut command = sipauth(folder.path());
            command.args(["analyze", "--format", "json", "--credentials", "secrets"]).args(options).arg("capture.pcap");
            let run = run(&mut command);
            assert_eq!(run.code, 0, "{kind}: {}", run.stderr);
            let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("a report");
            assert_eq!(report["summary"]["verifications"]["match"], 2, "{kind}");
            assert!(!run.stdout.contains("wonderland") && !run.stdout.contains(HA1), "{kind}");
        }
    }
    for name in KeyringFormat::ALL.map(KeyringFormat::name) {
        let mut command = sipauth(folder.path());
        command.args(["analyze", "--credentials", "secrets", "--credentials-type", name, "capture.pcap"]);
        assert!(!run(&mut command).stderr.contains("possible values"), "{name} is a type");
    }
}

/// Every file, cut anywhere and read as whatever: there is an answer, and no secret in it.
#[test]
fn files_that_are_cut_are_no_trouble() {
    let secrets = ["wonderland", "7d0c95978b19", "it's", "hunter2", "a&b"];
    for text in [PJSIP, MYSQLDUMP, PG_DUMP, DIRECTORY, UAT] {
        for end in (0..text.len()).step_by(3) {
            for kind in KeyringFormat::ALL {
                let said = match keyring::read(&text.as_bytes()[..end], "f", Some(kind)) {
                    Ok((_, warnings)) => warnings.iter().map(ToString::to_string).collect(),
                    Err(error) => error.to_string(),
                };
                assert!(!secrets.iter().any(|secret| said.contains(secret)), "{end} {}: {said}", kind.name());
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_gets_one_warning() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(Sample::named("register-ok").folder.join("capture.pcap"), folder.path().join("c.pcap")).expect("copied");
    let place = folder.path().join("users.csv");
    fs::write(&place, "alice,*,wonderland-7\n").expect("written");
    for (mode, warnings) in [(0o600, 0), (0o640, 1), (0o644, 1), (0o604, 1)] {
        fs::set_permissions(&place, fs::Permissions::from_mode(mode)).expect("changed");
        let run = run(sipauth(folder.path()).args(["analyze", "--credentials", "users.csv", "c.pcap"]));
        let said =
            run.stderr.lines().filter(|line| line.contains("sipauth: warning: users.csv: others may read")).count();
        assert_eq!(said, warnings, "{mode:o}: {}", run.stderr);
    }
    let piped =
        run(sipauth(folder.path()).args(["analyze", "--credentials", "-", "c.pcap"]).write_stdin("alice,*,x\n"));
    assert!(!piped.stderr.contains("others may read"), "{}", piped.stderr);
}

#[test]
fn secrets_and_warnings_are_bounded() {
    let rows: String = (0..4).map(|number| format!("\"alice\",\"r\",\"hunter2{number}\"\n")).collect();
    reads(&format!("# uat:authorization_users_sip\n{rows}"), KeyringFormat::Wireshark, "f:5: a fourth secret");
    let many: String = (0..100).map(|number| format!("u{number},r, x\n")).collect();
    reads(&many, KeyringFormat::Csv, "100; f:1: the password begins");
    let (_, warnings) = keyring::read(many.as_bytes(), "f", None).expect("read");
    assert_eq!(warnings.len(), 21);
    assert_eq!(warnings[20].to_string(), "f: 80 more warnings about this file");
}

#[test]
fn a_statement_on_the_first_line_is_no_header_row() {
    let insert =
        "INSERT INTO subscriber (id, username, domain, password) VALUES (1, '1001', 'pbx.example.com', 'x');\n";
    // For the plain name, and for the one with the domain.
    reads(insert, KeyringFormat::Subscriber, "2");
    reads(&insert.repeat(2), KeyringFormat::Subscriber, "2");
}

#[test]
fn secrets_that_fit_nobody_are_pointed_out() {
    let folder = Sample::named("register-wrong-password-403").folder;
    let check = |row: &str, note: Option<&str>| {
        let mut command = sipauth(&folder);
        command.args(["analyze", "--quiet", "--credentials", "-", "capture.pcap"]);
        let report = run(command.write_stdin(format!("user,realm,password\n{row},wonderland-8\n"))).stdout;
        let told = report.replace("\n  ", " ");
        match note {
            Some(note) => assert!(told.contains(note), "{row}: {report}"),
            None => assert!(!told.contains("note: "), "{row}: {report}"),
        }
    };
    let similar = "note: secrets that may be meant for others than they name: there is none for \"alice\" in realm \
                   \"sip.example.test\", and -:2 has one for that ";
    check("Alice,sip.example.test", Some(&format!("{similar}name in another form")));
    check("sip:alice@sip.example.test,sip.example.test", Some(&format!("{similar}name in another form")));
    check("alice,other.example", Some(&format!("{similar}user in another realm")));
    let nobody = "note: none of the secrets given is for an account that authenticates here; these do: \"alice\" in \
                  realm \"sip.example.test\"";
    check("bob,*", Some(nobody));
    check("alice,*", None);
    check("alice,sip.example.test", None);
}

/// Whoever exports a table may have its columns in another order, and then the password stands where a name belongs.
#[test]
fn columns_in_another_order_show_no_password() {
    let folder = Sample::named("register-wrong-password-403").folder;
    for row in ["alice,wonderland-8,sip.example.test", "wonderland-8,alice,sip.example.test", "alice@wonderland-8,*,x"]
    {
        for format in ["human", "json", "ndjson", "csv", "markdown", "html", "sarif"] {
            let mut command = sipauth(&folder);
            command.args(["analyze", "--quiet", "--format", format, "--credentials", "-", "capture.pcap"]);
            let done = run(command.write_stdin(format!("{row}\n")));
            assert!(!done.stdout.is_empty(), "{format}");
            assert!(![&done.stdout, &done.stderr].iter().any(|text| text.contains("wonderland-8")), "{row}: {format}");
        }
    }
}

#[test]
fn a_capture_is_no_file_of_secrets() {
    let sample = Sample::named("gzip-wrong-password");
    let done = sample.analyze(&["--credentials", &sample.capture()]);
    assert!(done.code == 2 && done.stderr.contains("is a capture, and --credentials wants secrets"), "{done:?}");
}

#[test]
fn a_row_without_a_password_convicts_nobody() {
    let folder = Sample::named("register-wrong-password-403").folder;
    let mut command = sipauth(&folder);
    command.args(["analyze", "--credentials", "-", "capture.pcap"]);
    let done = run(command.write_stdin("alice,sip.example.test,\n"));
    assert!(done.stderr.contains("-:1: 1 row without a secret") && !done.stdout.contains("wrong password"), "{done:?}");
}
