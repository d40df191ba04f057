"""Sans-IO codecs, one wire protocol a file: bytes to values and back; decoding never raises."""
