"""Abbreviations of time zones that input accepts: the server's default set.

A fixed abbreviation is an offset from UTC (marked D for summer time); a dynamic one names
a zone and means what that zone used it for at the time.
"""

from __future__ import annotations

from functools import cache

__all__ = ["DYNAMIC", "fixed_abbreviations"]

#: Seconds east of UTC, D for summer time: abbreviations.
_FIXED = """
-36000:hst,taht -34200:mart -32400:akst,gamt -28800:pst -28800D:akdt -25200:mst -25200D:pdt
-21600:cst,galt -21600D:mdt -18000:act,cot,est,pet -18000D:cdt -14400:bot,amt,ast
-14400D:edt -12600:nft,nst -10800:bra,brt,gft,pmst,uyt,wgt -10800D:clst,pyst,adt -9000D:ndt
-7200:fnt -7200D:brst,pmdt,uyst,wgst -3600:egt,azot -3600D:fnst 0:gmt,uct,ut,utc,z,zulu,wet
0D:egst,azost 3600:wat,cet,met,mez 3600D:bst,wetdst 7200:sast,ist,eet
7200D:bdst,cest,cetdst,mest,mesz,metdst 10800:eat,fet 10800D:idt,eest,eetdst 12600:irt
14400:mut,ret,sct 14400D:msd 16200:aft 18000:pkt,tjt,uzt,mvt,tft 18000D:must 20700:npt
21600:almt,bdt,btt,xjt 21600D:kgst,pkst,uzst,yekst 23400:mmt 25200:ict,wast,cxt 25200D:almst
28800:bnt,bort,cct,hkt,myt,pht,awst 28800D:wadt 31500:acwst 32400:jayt,jst,kst,pwt
32400D:ulast,awsst,wdt 34200:acst,cast 36000:ddut,aest,ligt,chut,mpt,pgt,trut,yapt
36000D:kdt 37800:lhst 37800D:acsst,acdt,cadt,sadt 39600:pont,vut 39600D:aesst,aedt
43200:nzt,fjt,gilt,mht,nzst,tvt,wakt,wft 45900:chast 46800:tot 46800D:fjst,nzdt 49500D:chadt
"""
_DYNAMIC = """
amst:Asia/Yerevan anast:Asia/Anadyr anat:Asia/Anadyr arst:America/Argentina/Buenos_Aires
art:America/Argentina/Buenos_Aires azst:Asia/Baku azt:Asia/Baku ckt:Pacific/Rarotonga
clt:America/Santiago davt:Antarctica/Davis easst:Pacific/Easter east:Pacific/Easter
fkst:Atlantic/Stanley fkt:Atlantic/Stanley gest:Asia/Tbilisi get:Asia/Tbilisi
gyt:America/Guyana iot:Indian/Chagos irkst:Asia/Irkutsk irkt:Asia/Irkutsk kgt:Asia/Bishkek
kost:Pacific/Kosrae krast:Asia/Krasnoyarsk krat:Asia/Krasnoyarsk lhdt:Australia/Lord_Howe
lint:Pacific/Kiritimati lkt:Asia/Colombo magst:Asia/Magadan magt:Asia/Magadan
mawt:Antarctica/Mawson msk:Europe/Moscow novst:Asia/Novosibirsk novt:Asia/Novosibirsk
nut:Pacific/Niue omsst:Asia/Omsk omst:Asia/Omsk petst:Asia/Kamchatka pett:Asia/Kamchatka
pyt:America/Asuncion sgt:Asia/Singapore tkt:Pacific/Fakaofo tmt:Asia/Ashgabat
ulat:Asia/Ulaanbaatar vet:America/Caracas vlast:Asia/Vladivostok vlat:Asia/Vladivostok
volt:Europe/Volgograd yakst:Asia/Yakutsk yakt:Asia/Yakutsk yekt:Asia/Yekaterinburg
"""
DYNAMIC: dict[str, str] = dict(word.split(":") for word in _DYNAMIC.split())


@cache
def fixed_abbreviations() -> dict[str, tuple[int, bool]]:
    """Abbreviation → (seconds east, summer time)."""
    out = {}
    for word in _FIXED.split():
        offset, names = word.split(":")
        for name in names.split(","):
            out[name] = (int(offset.rstrip("D")), offset.endswith("D"))
    return out
