import type { RequestListener } from 'node:http';

/** A reverse proxy in front of nothing: it says that it is healthy, and has nobody to ask for the rest. */
export const bareProxy: RequestListener = (request, response) => {
  request.resume();
  const isHealth = request.url === '/health';
  const body = isHealth ? '' : BAD_GATEWAY;
  response.writeHead(isHealth ? 200 : 502, {
    server: 'nginx',
    'content-type': 'text/html',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
};

const BAD_GATEWAY =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n';
