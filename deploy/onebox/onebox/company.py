"""The demonstration company: three levels of departments, and one user for each role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from identity.bootstrap.domain import Company

# Departments by name, each with its subdepartments; a user works at a path of names.
Tree = Mapping[str, "Tree"]
DEPARTMENTS: Tree = {
    "销售中心 Sales": {
        "华东大区 East China": {"上海一部 Shanghai One": {}, "杭州部 Hangzhou": {}},
        "华南大区 South China": {"深圳部 Shenzhen": {}},
    },
    "客户服务部 Customer Service": {},
    "市场部 Marketing": {},
    "项目交付部 Projects": {"交付一组 Delivery One": {}},
    "信息中心 Information": {
        "数据治理组 Data Governance": {},
        "集成组 Integration": {},
        "运维组 Operations": {},
    },
    "审计部 Audit": {},
}
_EAST = ("销售中心 Sales", "华东大区 East China")
_SOUTH = ("销售中心 Sales", "华南大区 South China")
_INFORMATION = ("信息中心 Information",)


@dataclass(frozen=True)
class Person:
    """A user of the demonstration company."""

    username: str
    name: str
    role: str
    department: tuple[str, ...]


PEOPLE = (
    Person("admin", "管理员 Administrator", "administrator", _INFORMATION),
    Person(
        "chen.jing", "陈静 Chen Jing", "data_steward", (*_INFORMATION, "数据治理组 Data Governance")
    ),
    Person("wang.lei", "王磊 Wang Lei", "sales_lead", _EAST),
    Person("li.na", "李娜 Li Na", "sales", (*_EAST, "上海一部 Shanghai One")),
    Person("zhao.min", "赵敏 Zhao Min", "sales", (*_EAST, "杭州部 Hangzhou")),
    Person("sun.hao", "孙浩 Sun Hao", "sales_lead", _SOUTH),
    Person("zhou.ting", "周婷 Zhou Ting", "sales", (*_SOUTH, "深圳部 Shenzhen")),
    Person("wu.gang", "吴刚 Wu Gang", "service", ("客户服务部 Customer Service",)),
    Person("xu.yan", "徐妍 Xu Yan", "marketing", ("市场部 Marketing",)),
    Person(
        "ma.yue",
        "马越 Ma Yue",
        "project_member",
        ("项目交付部 Projects", "交付一组 Delivery One"),
    ),
    Person("guo.jia", "郭佳 Guo Jia", "external_collaborator", ("项目交付部 Projects",)),
    Person("he.qing", "何青 He Qing", "auditor", ("审计部 Audit",)),
    Person(
        "liang.yu", "梁宇 Liang Yu", "integration_engineer", (*_INFORMATION, "集成组 Integration")
    ),
    Person("tang.bo", "唐博 Tang Bo", "sre", (*_INFORMATION, "运维组 Operations")),
)
SYNC_USER = "sync"


def demonstration(password: str, service_password: str) -> Company:
    """Return the company as identity's bootstrap takes it; all users start with one password."""
    from identity.bootstrap.domain import Company, DepartmentPlan, UserPlan
    from identity.people.domain.user import Kind

    def plans(departments: Tree) -> tuple[DepartmentPlan, ...]:
        return tuple(DepartmentPlan(name, plans(below)) for name, below in departments.items())

    people = [
        UserPlan(person.username, person.name, password, (person.role,), person.department)
        for person in PEOPLE
    ]
    sync = UserPlan(
        SYNC_USER, "同步服务 Sync", service_password, ("sync",), _INFORMATION, Kind.SERVICE
    )
    return Company(plans(DEPARTMENTS), (*people, sync))
