// Keys and tokens that tests share. The tokens were signed by PyJWT 2.12.1, an independent
// implementation, with these keys, which serve no other purpose. All tokens carry
//   {"token_type":"access","exp":1700003600,"iat":1699999990,
//    "jti":"0123456789abcdef0123456789abcdef","user_id":"alice"}
// unless their name says otherwise.
#pragma once
#include <string_view>

namespace parley::fixtures {

inline constexpr std::string_view kSecret =
    "correct horse battery staple and a sm\xC3\xB8rrebr\xC3\xB8"
    "d";

inline constexpr std::string_view kRsaPrivatePem = R"(-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDI+URonLd7csDH
aUe3XUMye+rlQR8FELaz7BBC8hWHrve9VMUenVj0gJU/AJAr1d6tyxQynJAtkdlB
inGg/JW0YEcQYwmBIYfxZ2RVo5aGQP9/zx6YwUZ2nnjAAa3LCpOoQ4okqFN4bDnq
0AF299EVhIMRPLYGcgA5pq14Bv/aV+NjQc7sjOmNwVosB/i/raIwQREHsXwPYOb7
bIui43rLnsK1Lg/aH2BB0YQNwd9phEVgzE3MWnEGadZXLpZ3bZG3iCenJx1+ekM/
Rm37TE7T6AQS0dB84ogvL4Wn61dnbkc/OJowERUBcFJALZhgKEnflrOT98ZRViJ/
g+tNcfFlAgMBAAECggEAKieS0EiS+etbgVhVaSJATo4MerLaoVLcp8err4ccuf2a
zFVEFYRWnM59v53MH8237AdNQMJzQYO2qNczt1tTwWZycX78ht/0JlAUDRyHnbhz
fykAF3Vu5MGfvVJ81DpvN1uXVdIS1A8LZPPlYsFfU16cqVhtK9PstSr/ds4tC2yF
SiWe4tw9w3iNEbCW/aiq+KCpVTO6RsO83SnSz6UitsuIfB1U6F17sbakcHQoQDMT
R+SukyRt9y+Mj1i4FAThz5RawqU3bUoh9OMwEv5n7Rj8+dD29VocwIZ054XbG8RI
JgXOdV9mKI50HyQ9/vqtsJHn2Vg9kaHvUOFcF/cqgQKBgQD7BVGqvFORRgLCk72J
S/eCsgNnsjqwsky+MSB/G5p7fBAROskqf0XMAJsGwLAoLmX/nan7F2N0tEc2wPHz
+9BGAa2NIESips1xzPI+dTAVugoLllMA2ODHPlHdZahMJJ34Q+hBXY3DBky3aOd0
H+HklX9QCe0G1AH1xuwt0O5aQQKBgQDM9c9FcwNC9l2j9yACTGU9wloLJNtqGKFD
SH3nKYKqcok0H9y5hazkbpv44+m/RPa1XrhQDA4HjF5tI6nXRkBOK1fFcYPrrbwy
M50MbPN34Pwl0XHmecvzOsH5wMy/rXW8zgFPxw2fb0A7+VZ9bp/KtuwEfhM5GYAk
9XCaxslmJQKBgE6BC1lqLHhyfMp9ifk2WOH26jmz88bu/DE/C/q0l0unMR8yU1eH
Fj0Gs3UZLf5jBGM827w7RE9rUho9nW3AgxJh0/Ue8lgr8nR0tA30eGVTGXEmQi8x
pJqrUs76y/eEPCM4mZpXt84WWkfB9yDKF8t1NavCbu6Dv1kuLQ7nGKQBAoGBAKzS
tHSOF3j2Pl1MuuvVOSULZVuyN2VN4WTXknpB8VECBRkzqK2yvudbMR98JpRGdXTX
qrisgYPx44lJoiPIs952A6uUHTW0KFV4WfupPt6dkl/dLJq3prawm/GZlcwmWnna
hxaa9Ky0ZUhs5XYcupZ3Cap8GH90Ni5z2wBXkGkVAoGAMovNKRtwTgKn1AG+9sbz
E8UJIgGHJXmw/OPr5GV2UszLddO2YIrqDjUD9u7vKIH0Eukprcni1K/38jHJmmVb
XHoRbOCKD7b2bz+N8bZZi+d+FcjMjsxGdLER4M0nXgddgH7d1eltqnpp8LtrAT0/
0XD7lZjahpoJdmxHWA2dPUY=
-----END PRIVATE KEY-----
)";

inline constexpr std::string_view kRsaPublicPem = R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyPlEaJy3e3LAx2lHt11D
Mnvq5UEfBRC2s+wQQvIVh673vVTFHp1Y9ICVPwCQK9XercsUMpyQLZHZQYpxoPyV
tGBHEGMJgSGH8WdkVaOWhkD/f88emMFGdp54wAGtywqTqEOKJKhTeGw56tABdvfR
FYSDETy2BnIAOaateAb/2lfjY0HO7IzpjcFaLAf4v62iMEERB7F8D2Dm+2yLouN6
y57CtS4P2h9gQdGEDcHfaYRFYMxNzFpxBmnWVy6Wd22Rt4gnpycdfnpDP0Zt+0xO
0+gEEtHQfOKILy+Fp+tXZ25HPziaMBEVAXBSQC2YYChJ35azk/fGUVYif4PrTXHx
ZQIDAQAB
-----END PUBLIC KEY-----
)";

inline constexpr std::string_view kOtherRsaPublicPem = R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA8XqBF4dbCRfKdtJ+uPmr
U5bKUHYxcF/e3OL9gHBfvBQRqFap2xhALmJ/i9hzA9ZWHxW2gHz+OFrESq34vU40
nUKH7+CWN1OWRweheNFUm00cBUfoCSE6uJ+Uzj6uMQF38UpyWXgmCXffZQWaHBSx
JlumXIn0U4GoTLB6ZY6AT2UXR1nGrtZZ7aI2Zb1Xpuh+kwNz4MX6cQ507qh6O3ew
deA5S1JX3s2RYReIK50UgTKmrkPn73gU+JnNqSbaKzkLto/45Ji8zxOOsBePk4lV
2BNfDWq4pj3yxELZ2sSTDqCbof2KQToBblaKs1rS56P92MC+zgbMF4GAFwA3r6fY
iQIDAQAB
-----END PUBLIC KEY-----
)";

inline constexpr std::string_view kSmallRsaPublicPem = R"(-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCrhbJz9l7odfldyjph4quy7lrd
yNtvtZ4JbUDSCBnyfKcazp0B8j70r5Yy7/0jQhWBN1icVvrQxDEu2VTSRBsS+4eS
XM1uDV4A4V2QZjzYbEDdEiymKgGaBoKGYpXv9oh6lyKJ8pF6HmqfRlaaMkVLYiND
O7llp2jHZl+DcexyQwIDAQAB
-----END PUBLIC KEY-----
)";

inline constexpr std::string_view kP256PrivatePem = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgvbzZKnSg9DyBoiRv
usbmVS2Vsm2QI3qE3V9h/DtotjyhRANCAASxS4DsC4o26SWoRPvBokUsnAc7IKuy
smU7OJGv0PZMKO6liNG0C3Zz4OvCTcf6qs/u5gCOS+azL4QYP3DjgjSg
-----END PRIVATE KEY-----
)";

inline constexpr std::string_view kP256PublicPem = R"(-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsUuA7AuKNuklqET7waJFLJwHOyCr
srJlOziRr9D2TCjupYjRtAt2c+Drwk3H+qrP7uYAjkvmsy+EGD9w44I0oA==
-----END PUBLIC KEY-----
)";

inline constexpr std::string_view kP384PrivatePem = R"(-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDJFqaiYifdv68daujr
Bmn07hfZKXv2lhtDMtDjWR7pz5Po6NijjM1xWPZydyTbAxGhZANiAASE7BIOCcLN
t/g2RII4hgv5jHplpa22iPAEt/MmhFHTOeIoLC54vBfc2/lh0PhJsdhX9zUpR9FF
8iNxGp3o/ibgY5P3O50RTVZW9SnipkUzkIcPCInbD//tsyvnLdU+69E=
-----END PRIVATE KEY-----
)";

inline constexpr std::string_view kP384PublicPem = R"(-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEhOwSDgnCzbf4NkSCOIYL+Yx6ZaWttojw
BLfzJoRR0zniKCwueLwX3Nv5YdD4SbHYV/c1KUfRRfIjcRqd6P4m4GOT9zudEU1W
VvUp4qZFM5CHDwiJ2w//7bMr5y3VPuvR
-----END PUBLIC KEY-----
)";

inline constexpr std::string_view kP521PrivatePem = R"(-----BEGIN PRIVATE KEY-----
MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIA5q5nU44UraIGDBbK
aFe1ghm2l1wMf4dzVuEo9RCyZdy3OiBlRGtq8B846XXdh22Vl9DN/rBm3cssm7QM
z3PL+g+hgYkDgYYABADIPjbfpBhp+9JkvGPvHSSG7rqAbl4Qea7eWyctBvcmZntY
oixYMSxRqVrHwSmC0+TIEBrHEOIW48Wfs5Sk7V7GcAF2F4IS7cqSYPI9H1fQ47AX
JC0Py2X1KhMedNIfUtKw+KVvMYhZB8Tf3TWk43ikJQfTInd/SlFdMijjU3LHbYjV
9Q==
-----END PRIVATE KEY-----
)";

inline constexpr std::string_view kP521PublicPem = R"(-----BEGIN PUBLIC KEY-----
MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAyD4236QYafvSZLxj7x0khu66gG5e
EHmu3lsnLQb3JmZ7WKIsWDEsUalax8EpgtPkyBAaxxDiFuPFn7OUpO1exnABdheC
Eu3KkmDyPR9X0OOwFyQtD8tl9SoTHnTSH1LSsPilbzGIWQfE3901pON4pCUH0yJ3
f0pRXTIo41Nyx22I1fU=
-----END PUBLIC KEY-----
)";

inline constexpr std::string_view kEd25519PrivatePem = R"(-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIB3wtg5pzMFhNvuiaVpubiMochH5K5jA4ISNVXK8UB3Y
-----END PRIVATE KEY-----
)";

inline constexpr std::string_view kEd25519PublicPem = R"(-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA0Ujg5iN26e50Hz1lRiuS97njIPc2/HcPmCDy1mD4xvU=
-----END PUBLIC KEY-----
)";

// The key of kRsaPublicPem as PKCS #1 writes it.
inline constexpr std::string_view kRsaPkcs1PublicPem = R"(-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAyPlEaJy3e3LAx2lHt11DMnvq5UEfBRC2s+wQQvIVh673vVTFHp1Y
9ICVPwCQK9XercsUMpyQLZHZQYpxoPyVtGBHEGMJgSGH8WdkVaOWhkD/f88emMFG
dp54wAGtywqTqEOKJKhTeGw56tABdvfRFYSDETy2BnIAOaateAb/2lfjY0HO7Izp
jcFaLAf4v62iMEERB7F8D2Dm+2yLouN6y57CtS4P2h9gQdGEDcHfaYRFYMxNzFpx
BmnWVy6Wd22Rt4gnpycdfnpDP0Zt+0xO0+gEEtHQfOKILy+Fp+tXZ25HPziaMBEV
AXBSQC2YYChJ35azk/fGUVYif4PrTXHxZQIDAQAB
-----END RSA PUBLIC KEY-----
)";

inline constexpr std::string_view kEncryptedPrivatePem = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIIFNTBfBgkqhkiG9w0BBQ0wUjAxBgkqhkiG9w0BBQwwJAQQriSqDvIj+0alE2sI
MPU11gICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEajSt7cIBeCuzEM
zhrMuGQEggTQHtX3CuFhWbotWyYdSusLJCjPkWS/afju9u0Cwplu66O3UOCkVaC5
J8fSYT67ACk1fyDP+hTobtC3YvuQ8aQ9W3AAwdl8iUyv7VrFNKQebj9Wnl9qWtDX
78oOeDkifSLy0QnBi51q70o2Rn+Tm7dczRUIkD2nGDchO6g9hnn4tJ9sFV72nhQ1
YNhUFWCpGdCIEAoGFquzTNiM9vVht37d/DNTgsTKCvRNiHZAbpv/qrJi2C21anxq
M9yuPvjFlSHcCf/UmbYezGXlep9QuTOxDQH7/1obehdL/o/za1K5CAi5tuJIMG/9
/4p6/J7c0uILK48pfaAsCPLBWj+RTPhjhoRRIoeqCxgrk0fTkYRS/dOpRtFSnlRt
DF/qni7cGf2arwUh3OQyuyS9ZtFZTxtTIBfZWOxxLbsI790JGiEwNVZMZ6KOf9CK
fn/rpxI+tYNyJIJTTplfP6F+YlPQjvPolXmCPx0Cx/NclH943PZCQO/My4jM/xyX
21hLiYGq3pEaY6MjX5JgpSbsLEf3xAap+doS7Ovz2odTrEl+4M31ChnIkDd5gSHq
4If14Tci8WCA/uJxym/di96oyFHRHvTf9HHVV1BQZCtuFtDJPYZXYpdxUGJSjopk
KNQlwQ484+zIZwZElzaX40rhnWjr7O+uXocJ87XtcBI90TIWV4sf7kZ0+4FJo930
YvUTsi37Rs/LFI22taecmcr5VZOA5WLHb81UiHJT3bTMCN7gTG3dG7Q8eVYYgI9h
ZmCz7w4DCSw+Lmh1cKpi3Ks1EvB96wqlGjTVE1glIEpqLWTFzuAmKncoIK9Kjkms
2Akhy9jKZdzahouv8uOaSA7NgQxarlMoFUsPEuXNFbUqFenJ5fLrHpMZe58xaRGm
sAps1GNLRPUXtzsGXjriLoZexWDo6rC4Umc927SRxzYQhzumlJY0I65d5LIv9hJZ
eKPjAUfv9O5YywfsTnz1mwW+n+8eaxTncYBnD/4WQfk0xxwPr2DhGU/oDM5uG9Wq
sKVmouM2vwr6sGkpThkc0MRSnrSMfJzKFzgJAEpVY8LdYPAtGanYabX5GZ01IQQC
lkTNDbfz8Z3Pv/m6n1Lf4s22euF4i9zgAjWYxx8UkNcmeIwJpe+vetR4Uf58oqmt
h7h6GNXeSxkmtGw2BaOCBO+wX2i2JpgCyip+ICyy4UK48qpA3eB4E0Qkku3qtLRB
+c93LnoaJ9pr9o3ko0qln024xWK83w9JQytSvZf3nZUDkGNXbt6sdlVsFZHkSFdZ
k43Obky+Ms4VqYxmCrtOZWhmkXjpbphNnRZFOlljrhNUfEpHPhNS6QeLrgf/GcLQ
gLHMwQuI/AlZa3UKGIO+ZZZv1ESPtREYQYkvQod8sPlUMJOHPulXoGTtsKGMJz/u
reE3Ji8bLExltTBg0xZxRrsLGT4IAlC35ho8pCqGgiIkj0OlpiKlB/yfMHKXZwFw
oDEOrMb6GOKCot1jpyejtNu/kyJfsSWNK+dop7M5ezXMrmvgF1WuhoRbrtq1LLym
xIt+CVX2bKPbpjWEMtRQod3b0TeG7qlmvfPUS1RcaWGKiwMe+eooyMwyx2d068mY
/H/4Vmrcxbeke+sjjRLHiu9QiJxo1J3EhlKigwVzRPb02VqAcu5zA7Y=
-----END ENCRYPTED PRIVATE KEY-----
)";

inline constexpr std::string_view kHs256Token =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.RzsWros-_Pu7wYmfSxPW-WwDApb47J3hN8PAsvmPkt8";

inline constexpr std::string_view kHs384Token =
    "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.WrzZNGfOX35jmUYdrGtk6UQtBiowZaZdFf3a5X_Wf8ZGMYBawf0RM-b08e2kgbL4";

inline constexpr std::string_view kHs512Token =
    "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.DOOCIEeh9RUlbR3c0QArA8QISqWnvrtubvcOGHEpD1CjfU0_3Kc-22LdXxqpdxcCrGG0R3o"
    "tNYpfVsXXZbH6yw";

inline constexpr std::string_view kRs256Token =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.YIg6aVLuWx8ufQSwnoh7SNwzpUrUyCHC1wTvU-7be_0icTdtLFcVmSYn3BfU4XSqZR4c6Qc"
    "9SY_HpAOeiJ-Upal_EfKB3SUDdUIFOdiO7nlUC1aIXZtV4h06eKh-DYM_7lnOdze9c9Z_Kxn8E-oBnrTuan-B2_t"
    "Xzqk9S4d0ryQ7QB_8CnHR4KTEDttUbE3cJQ99Jv4lHPigDCU9G0ytQo-giV4dVCkpOj4P2YX4-2go5HO3aQzhqqc"
    "Z1IemC_CPPvDMTG3EhovzaNsbnLrbSg7xJ4-_Yxxo0zmMLe6oFXIL24ZIiygEzG-e_CnTO1PIUnkmUqvzvPLIHSa"
    "NQtu19g";

inline constexpr std::string_view kRs384Token =
    "eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.edxL2HEvefA5vqbqm9VLoFY3D5_2ajB2LwaVh2hYZ_qRvsfR4oK8Uz_9oljSXy9XxzeFbIU"
    "8pW4nAxgpUg49SQhTCHSAKnkARFAqbkrA2XxC0xHdaO5ue7D87An_AJ28mf_jcclgzkRVyy5AxCTnYCb48bbsKdU"
    "fTNv_MPMBhkFOlS9N-_s2AAeQ_5UhLy0kiB6vbtisq1Tk31rd_KH72oNlH02HslrN5mYuD8cLCa4iUNIHCxAr_x5"
    "wRcEzWTousJdjiCjixsVDeOYTHzUNVahXNjmR1PEWG_3EY2kTjAUx_Xb7DBOOhm3t5IJOvHSJuu0ARp-plHds-T8"
    "0j7z7jA";

inline constexpr std::string_view kRs512Token =
    "eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.mnpyox12LIIuKqVZgmD-BXzKG9ziMksSOePlT59pzmN7xopvFGwt5M_NRT_bW16sXrz_QsP"
    "ZWAJgYnPXzC5g0C1Yv7FUrxuRZIQlGEoiDsgH-7uHHmYIMh1o26EVb91xsSE8Q6xGfC31Nu86kfNb-cqyNLTRf1W"
    "7CmPCIEOtrcS62_4r7eWhRqycMYq936CGddVhJzxr4bImLFiUQ-Pho_vZpgzrNClFS9OXmn1CD5W2Blw-y0FNs-0"
    "VdP8z5QuBhTXFtw8BJOC--ZuHKikVtokw2uRVnlM9-p_k1cQ8kysqKGG0jtwWEj-_QemEwnUiVSVB1b5WGAA7RWA"
    "jBQjScA";

inline constexpr std::string_view kPs256Token =
    "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.XRK-0Tjk2iwjhUNbQMha6VuIzEjxZswKRZdMSYfAgj0N3hZCkgG1brV0uodFD7Gi7M176cD"
    "FZskHIvePgv0iuZXLo7ZOb2Ny7m7CFKfEz9Z0IIzGnQ_8vcaF7_Tvo4qgFRvO8DAE1WSs7DNvjX3E0QX0TQiN9BX"
    "7SqZiRQEXnantboUc72NEY6SJPOdNbX9LQCtqfvJF5_kc7kV-dqSEUcKV8zLE4hfLXqTVZAK9bOSFARu4CbXAFtc"
    "rrvaKl9NlHiq7oTmMJUKvl5SyncJQmQ5SKc7FooCAU7UX1YXl7PF65hMxj6k_gykRLSHweE0PSdHDDZptImfygDi"
    "WGOoS_w";

inline constexpr std::string_view kPs384Token =
    "eyJhbGciOiJQUzM4NCIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.N3knZrciySMYyWmZbF2mcDCEPc6--8uRBe4r6jJ5OG6VXTk0fSEqzTwi75CX01jfkVgIQoG"
    "LlKUh-WehjxKrITM4KSKWYqDrUe0wyKmQFEEVkKjRWcfPrw_MjTCG6fzOemCCSxZxZ3gCBMSk3Agz2VE18JRJW6J"
    "_2p68zlQHRZrpAVjZpdKAgdd6alaK50vLiXsEp_rNc6OfftCy0wxzr-bS8wl3hpHH2F2w59_wCpkxvWPtLhGUKxN"
    "bgDJGfHjaeA5nyq0T74Yb9YlvaBNdGapcCtAZfuUX0c-hVWIEm3uebG6bHJLd1cjXMwLd1aAL0ZGFd0VSUQ9NJNd"
    "Iwo1zPQ";

inline constexpr std::string_view kPs512Token =
    "eyJhbGciOiJQUzUxMiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.dAGXDF562ambF1DLDC9QVN76yL6Axno1R43wkOr66H503ui25MSy5xLZZszBzVIOOc6xBYk"
    "QVfB3-MI_zPehlMK1jy6EVwTPkbVotfNEUTJ8AaRjY2Y1bj3VMWVdU22evmZcBILKZxSutjALwRFHw9dV6Vrji61"
    "4K_5KYUSbKwO-536RHF3yhx4pDVT8ayxr8fopHHhh8MrDjfmKnV3z9i6viDw9RKT7mcIUCxyxMGaXp3T-nuB9bHQ"
    "LHK6CddUP5HsQcLk3AJvrZv1nhmDXH_tbh9DUtuB_EEOXI5ob1ad3U5f4hJG8v5GxvtMr4oqvp8i-fE5stQObBan"
    "oJcCs6w";

inline constexpr std::string_view kEs256Token =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.W6Djd48l0cUVxyltN2tQxiIabcCrrm7Sjm5C6r5d-pmjUie6jkXVnnZFaez_xFIsnI7X2ZN"
    "3p52dhc6KbV0QNg";

inline constexpr std::string_view kEs384Token =
    "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.dbsLuZgW2bdoJ5LNyMDQgYoX3lafnNvlRHMaoLGvukhpCERqKkFsrdyYzJmwltwBHVbBweM"
    "K9fXoV__Yd3_nxjpeHNY4-3C01KwcJoLQaAFcGdAL-GgRqfiK0LmFo7BM";

inline constexpr std::string_view kEs512Token =
    "eyJhbGciOiJFUzUxMiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.AAPicnCfrEcO4hss_iuYpSFXIfksIMVgAoKYh4lvkOxxQJRPUUwwA097vL8mbTj11NkdWlQ"
    "377-l-TQJTykHas5eAc6kC5MKo9uWuLnxjcn0aM-cktCrbKrtT69yXmV7cWaPGygkJDYOUmn8305CwMdimfSLuzp"
    "w6RlXrz8youeNSo2O";

inline constexpr std::string_view kEdDsaToken =
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzAwMDAzNjA"
    "wLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9"
    "pZCI6ImFsaWNlIn0.dzXdZFYE2CM55YCdkXG0Qjvul8R_3AyzEkfITGN363Ik29xbPcZNt4kGGkoqHc7MqxPsfMI"
    "U07D3W9k0c3KEBQ";

// A token with only a user and an expiry, like those of the guide's backend.
inline constexpr std::string_view kBareToken =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjo0MiwiZXhwIjoxNzAwMDAzNjAwfQ.wvye1qQR"
    "EI3VOL3UimynT_lyBjRZj89VmDmd5R8O5xA";

inline constexpr std::string_view kRs256KidToken =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IjIwMjYtMTEiLCJ0eXAiOiJKV1QifQ.eyJ0b2tlbl90eXBlIjoiYWNjZXNzI"
    "iwiZXhwIjoxNzAwMDAzNjAwLCJpYXQiOjE2OTk5OTk5OTAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2N"
    "zg5YWJjZGVmIiwidXNlcl9pZCI6ImFsaWNlIn0.upoxtMZEVfJWATHGtPihtUEFdW9OknVCgeI6h8LTBSlqPXCGg"
    "mjO3PHufshvOQ7xemRxkn-gp919P0pNhXjXQUMbHTl-Q0u507fXJMlE70iJabisHKRatEK73Gs8Bb9lv-gKCRimR"
    "hSCz5WjrYS4XIOu_Dc3zNY-c9MLqHp7KFq2JDAcv768nQIRl2TnuBk7WCrYCPwq97q8TIZdyqO9VukgeG3A1Jq7K"
    "T84nrm2sqOFaRZ74hMTywVxfXQQi0WXkM7sTKppNLSyecDmHpR38fGxWiC85eW18DaVSx9Ew1uZGbtDHWivg2t1S"
    "FgJ9TU5Brn6TCTHTRWEzphy6ndMLg";

}  // namespace parley::fixtures
