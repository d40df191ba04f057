// espied firmware sample: ArduinoOTA on an ESP32, an ESP8266 or a Raspberry Pi Pico W.
//
// Joins the Wi-Fi, announces _arduino._tcp by mDNS and waits for an upload on 3232/udp (ESP32), 8266/udp (ESP8266)
// or 2040/udp (Pico W and Pico 2 W).
// Copy secrets.h.example to secrets.h and fill it in before you compile.

#if defined(ESP32)
#include <WiFi.h>
#elif defined(ESP8266)
#include <ESP8266WiFi.h>
#elif defined(ARDUINO_ARCH_RP2040)
#include <WiFi.h>
#else
#error "This sketch is for the ESP32, the ESP8266 and the Pico W (with the core arduino-pico)."
#endif

#include <ArduinoOTA.h>

#include "secrets.h"

static const char HOSTNAME[] = "espied-sample";

static const char *errorName(ota_error_t error) {
  switch (error) {
    case OTA_AUTH_ERROR:
      return "authentication failed";
    case OTA_BEGIN_ERROR:
      return "begin failed (size or partition)";
    case OTA_CONNECT_ERROR:
      return "could not call the uploader back over TCP";
    case OTA_RECEIVE_ERROR:
      return "the image did not arrive whole";
    case OTA_END_ERROR:
      return "end failed (checksum)";
    default:
      return "unknown";
  }
}

static void joinWifi() {
#if defined(ESP8266)
  WiFi.mode(WIFI_STA);
  WiFi.hostname(HOSTNAME);
#else
  // Before the mode: the ESP32 takes its name when the station starts.
  WiFi.setHostname(HOSTNAME);
  WiFi.mode(WIFI_STA);
#endif
  WiFi.begin(WIFI_SSID, WIFI_PASSWORD);
  Serial.print("Joining " WIFI_SSID);
  while (WiFi.status() != WL_CONNECTED) {
    delay(500);
    Serial.print('.');
  }
  Serial.print("\nAddress: ");
  Serial.println(WiFi.localIP());
}

static void startOta() {
  ArduinoOTA.setHostname(HOSTNAME);
  // The port is left at the core's default on purpose: that is what other people's devices use, too.
  ArduinoOTA.setPassword(OTA_PASSWORD);

  ArduinoOTA.onStart([]() { Serial.println(ArduinoOTA.getCommand() == U_FLASH ? "Update: sketch" : "Update: file system"); });
  ArduinoOTA.onProgress([](unsigned int done, unsigned int total) {
    static unsigned int shown = 101;
    // 64 bits, because 100 times an image of several megabytes does not fit in 32.
    const unsigned int percent = total == 0 ? 0 : static_cast<unsigned int>(100ULL * done / total);
    if (percent != shown) {
      shown = percent;
      Serial.printf("%u%%\r", percent);
    }
  });
  ArduinoOTA.onEnd([]() { Serial.println("\nUpdate: done, restarting"); });
  // Do not restart in here: a mere question from the network would then restart the device.
  ArduinoOTA.onError([](ota_error_t error) { Serial.printf("Update error %d: %s\n", static_cast<int>(error), errorName(error)); });

  ArduinoOTA.begin();
  Serial.println("Ready for updates.");
}

void setup() {
  Serial.begin(115200);
  joinWifi();
  startOta();
}

void loop() {
  // An invitation is only answered from here: keep loop() short.
  ArduinoOTA.handle();
}
