from enum import StrEnum
class ErrorCode(StrEnum): pass
