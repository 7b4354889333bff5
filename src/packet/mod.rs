//! Frame → packet: link, network and transport headers.
