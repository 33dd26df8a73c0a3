FROM huichi-base
RUN useradd --system --uid 999 valkey && mkdir /data && chown valkey /data
COPY valkey-server valkey-cli /usr/local/bin/
WORKDIR /data
USER valkey
