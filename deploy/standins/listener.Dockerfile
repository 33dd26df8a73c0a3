FROM huichi-base
COPY listener /usr/local/bin/listener
ENTRYPOINT ["/usr/local/bin/listener"]
