//! File → frame: pcap and pcapng, plain or gzip, from a file or a pipe.
