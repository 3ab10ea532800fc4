"""Where keys come from, judged by the SDKs and servers of others."""
