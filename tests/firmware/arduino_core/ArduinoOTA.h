// See Arduino.h.
#pragma once
#include <Arduino.h>

typedef enum { OTA_AUTH_ERROR, OTA_BEGIN_ERROR, OTA_CONNECT_ERROR, OTA_RECEIVE_ERROR, OTA_END_ERROR } ota_error_t;

class ArduinoOTAClass {
 public:
  typedef std::function<void(void)> THandlerFunction;
  typedef std::function<void(ota_error_t)> THandlerFunction_Error;
  typedef std::function<void(unsigned int, unsigned int)> THandlerFunction_Progress;
#if defined(ESP32)
  ArduinoOTAClass &setPort(uint16_t port);
  ArduinoOTAClass &setHostname(const char *hostname);
  ArduinoOTAClass &setPassword(const char *password);
  ArduinoOTAClass &onStart(THandlerFunction fn);
  ArduinoOTAClass &onEnd(THandlerFunction fn);
  ArduinoOTAClass &onError(THandlerFunction_Error fn);
  ArduinoOTAClass &onProgress(THandlerFunction_Progress fn);
  void begin();
#else
  void setPort(uint16_t port);
  void setHostname(const char *hostname);
  void setPassword(const char *password);
  void onStart(THandlerFunction fn);
  void onEnd(THandlerFunction fn);
  void onError(THandlerFunction_Error fn);
  void onProgress(THandlerFunction_Progress fn);
  void begin(bool useMDNS = true);
#endif
  void handle();
  int getCommand();
};
extern ArduinoOTAClass ArduinoOTA;
